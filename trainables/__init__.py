"""How one configuration is trained: data, backbones, weights, models, training loop, evaluation."""
