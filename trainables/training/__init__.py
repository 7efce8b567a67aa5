"""Training one configuration: the loop, optimizers, schedules, checkpoints, network reuse."""
