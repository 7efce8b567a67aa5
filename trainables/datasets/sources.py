"""Where datasets come from and how they lie on disk, for messages to those who lack them."""

from __future__ import annotations

LAYOUTS = {
    "digits": "nothing: they come with scikit-learn",
    "folders": "a folder, or a zip or tar of one, with a folder of images for each class: "
    "tulip/1.jpg, rose/2.jpg, ...",
    "split_folders": "a folder, or a zip or tar of one, with train/, val/ and perhaps test/, each "
    "with a folder of images for each class: train/n01440764/1.JPEG, ...",
    "lists": "a folder, or a zip or tar of one, with train.txt and test.txt, whose lines are "
    "class/image_0001.jpg, and the class folders beside them or in one folder there, such as "
    "101_ObjectCategories/",
    "cifar10": "a folder with data_batch_1 to data_batch_5 and test_batch, of the Python version "
    "or (ending in .bin) of the binary version, or the archive cifar-10-binary.tar.gz or "
    "cifar-10-python.tar.gz as it is",
    "idx": "a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, "
    "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or ending in .gz",
    "parquet": "a folder with train-*.parquet and perhaps validation-*.parquet and "
    "test-*.parquet, or one Parquet file, with an image and a label column",
    "tfds": "a folder in which TFDS keeps its data",
}
"""How the folder of each format has to look, as the end of 'Expected ...'."""

SOURCES = {
    "household": "It is a set of one's own: some thousand photos of household objects in eight "
    "class folders.",
    "caltech101": "Get caltech-101.zip from CaltechDATA (doi:10.22002/D1.20086), unpack it, and "
    "put train.txt and test.txt of your split beside 101_ObjectCategories/.",
    "cifar10": "Get cifar-10-binary.tar.gz or cifar-10-python.tar.gz from Alex Krizhevsky's page "
    "at the University of Toronto (cs.toronto.edu/~kriz/cifar.html), or let Keras do it: "
    'python -c "import keras; keras.datasets.cifar10.load_data()".',
    "imagenette": "Get imagenette2.tgz, or a smaller one such as imagenette2-160.tgz, from fast.ai "
    "(github.com/fastai/imagenette).",
    "flowers": "Get the photos of tulips, dandelions, roses, sunflowers and daisies that Kaggle "
    "has under the name Flowers Recognition, or take class folders of your own.",
    "fashion_mnist": "On Debian and Ubuntu: apt install dataset-fashion-mnist. Elsewhere let Keras "
    'get it: python -c "import keras; keras.datasets.fashion_mnist.load_data()", or take the four '
    "files from github.com/zalandoresearch/fashion-mnist.",
}
"""Where each known dataset can be had, as whole sentences."""
