/** The model that all views show. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Model } from "../state/model.ts";

export const ModelContext = createContext<Model | undefined>(undefined);

export function useModel(): Model {
  const model = useContext(ModelContext);
  if (model === undefined) throw new Error("A view stands outside of the model's context");
  return model;
}
