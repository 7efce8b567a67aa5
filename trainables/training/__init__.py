"""Training one configuration: schedules, losses, checkpoints, network reuse; its epochs."""
