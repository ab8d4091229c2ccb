/** Prepared when first asked for: a start need not wait for what nobody reads yet. */
export function lazily<Statement>(prepare: () => Statement): () => Statement {
  let statement: Statement | undefined;
  return () => {
    statement ??= prepare();
    return statement;
  };
}
