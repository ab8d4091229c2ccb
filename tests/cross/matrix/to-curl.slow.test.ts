import { testReceiver } from "./receiver.ts";

await testReceiver("curl");
