/** libphonenumber with its small metadata. */
export { parsePhoneNumberFromString } from "libphonenumber-js/min";
