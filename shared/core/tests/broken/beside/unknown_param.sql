SELECT *
FROM t
WHERE day = '{{ params.day }}'
