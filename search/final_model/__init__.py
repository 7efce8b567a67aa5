"""The fine-tuned model: loading, model card, export, prediction."""
