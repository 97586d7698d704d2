"""Statistics: values in, values out."""
