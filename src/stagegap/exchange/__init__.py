"""Records, corpora, labels and foreign traces in; JSONL, CSV and Parquet out."""
