import { testReceiver } from "./receiver.ts";

await testReceiver("mqtt.js");
