/** Numbers with a fixed code to which nothing is sent: for tests of clients and for reviewers in app stores. */

export interface TestNumber {
  /** Digits. It need not be a number that exists. */
  readonly number: string;
  readonly code: string;
}

export interface TestNumbers {
  /** Gives the code of a test number, given as digits; undefined for all other numbers. */
  fixedCodeOf(number: string): string | undefined;
}

export function createTestNumbers(numbers: readonly TestNumber[]): TestNumbers {
  const codes = new Map(numbers.map(({ number, code }) => [number, code]));
  return { fixedCodeOf: (number) => codes.get(number.startsWith("+") ? number.slice(1) : number) };
}
