/** Made when first asked for, and then kept: a start need not wait for what nothing needs yet. */
export function lazily<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
