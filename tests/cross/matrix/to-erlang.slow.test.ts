import { testReceiver } from "./receiver.ts";

await testReceiver("erlang");
