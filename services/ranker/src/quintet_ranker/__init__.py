"""FAISS retrieval, then LightGBM ranking."""
