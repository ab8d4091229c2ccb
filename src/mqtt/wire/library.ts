/** The parts of mqtt-packet that `codec.ts` uses, which alone loads this. */
import { generate, parser, writeToStream } from "mqtt-packet";

// Otherwise its first packet fills a table of 65,536 buffers, several megabytes of little use.
writeToStream.cacheNumbers = false;

export { generate, parser };
