"""The sealed test set: evaluation, the random-search rival, Grad-CAM pictures."""
