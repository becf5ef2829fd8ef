"""What a database says about its tables, one line per fact: the same lines for the same schema."""

COLUMNS = """
    SELECT table_name || '.' || column_name,
           CASE data_type WHEN 'character varying' THEN 'varchar(' || character_maximum_length || ')'
                          WHEN 'numeric' THEN 'numeric(' || numeric_precision || ',' || numeric_scale || ')'
                          ELSE data_type END,
           CASE is_nullable WHEN 'YES' THEN 'null' ELSE 'not null' END,
           'default ' || coalesce(column_default, 'none')
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    ORDER BY table_name, column_name
"""
INDEXES = """
    SELECT indexdef AS fact FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    UNION ALL
    SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid <> coalesce(to_regclass('alembic_version'), 0)
    ORDER BY fact
"""
