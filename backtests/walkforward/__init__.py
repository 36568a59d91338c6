"""Rules judged on data they were not chosen on: windows that walk forward over recorded funding."""
