"""Training data of the landmark network: free motion on free bodies before sampled cameras."""
