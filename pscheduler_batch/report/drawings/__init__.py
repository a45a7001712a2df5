"""The drawings of the HTML report: what is drawn for a job, as numbers for a plotting library and as tables."""
