"""Reports: values in, text or bytes out; one format a module."""
