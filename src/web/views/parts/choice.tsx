/** One of a few, by radio buttons. */
import { useId } from "preact/hooks";

interface ChoiceProps<Value extends string> {
  readonly title: string;
  readonly value: Value | undefined;
  readonly options: readonly (readonly [Value, string])[];
  readonly onChoose: (value: Value) => void;
}

export function Choice<Value extends string>({ title, value, options, onChoose }: ChoiceProps<Value>) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class="list-title">{title}</legend>
      {options.map(([option, label]) => (
        <label key={option} class="check">
          <input type="radio" name={name} value={option} checked={value === option} onChange={() => onChoose(option)} />
          {label}
        </label>
      ))}
    </fieldset>
  );
}
