"""What is measured: one module for each question, A to F, and what augmentation costs."""
