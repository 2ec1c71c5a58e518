SELECT '{{ run.id'
