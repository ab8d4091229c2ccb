/** How far a message of one's own has got. */
import type { Delivery } from "../../state/model.ts";
import { useWords } from "../preferences.ts";

const drawings: Readonly<Record<Delivery, string>> = {
  waiting: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.5",
  sending: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.5",
  stored: "M4 8.5l3 3 6-7",
  delivered: "M1 8.5l3 3 6-7M8 11l.6.5 6-7",
  read: "M1 8.5l3 3 6-7M8 11l.6.5 6-7",
  refused: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8v4M8 11v.01",
};

export function Ticks({ delivery }: { delivery: Delivery }) {
  const words = useWords();
  const label = {
    waiting: words.deliveryWaiting,
    sending: words.deliverySending,
    stored: words.deliveryStored,
    delivered: words.deliveryDelivered,
    read: words.deliveryRead,
    refused: words.deliveryRefused,
  }[delivery];
  return (
    <span class={`ticks ${delivery}`} role="img" aria-label={label} title={label} data-delivery={delivery}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={drawings[delivery]} />
      </svg>
    </span>
  );
}
