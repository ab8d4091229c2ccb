/** README.md: its conversations run as they are printed, with the npx of the machine. */
import { conversationsAsPrinted } from "../support/readme.ts";

conversationsAsPrinted("of the machine");
