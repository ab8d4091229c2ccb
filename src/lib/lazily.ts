/** Makes the value on the first call and keeps it, so that a start does not wait for a value that it may not need. */
export function lazily<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
