"""Monitoring: Ray's dashboard, Prometheus, TensorBoard, MLflow, W&B, fed from ledger events."""
