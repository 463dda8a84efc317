"""The hall: the one place that knows every room and leads a scan or a table through them."""
