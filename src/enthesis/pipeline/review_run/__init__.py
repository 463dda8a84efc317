"""A plan of a review carried out: from its table of effects to tables, figures and a report."""
