/** What is wrong with the text of a condition. `offset` and `length` count UTF-16 units. */
export interface CelProblem {
  readonly offset: number;
  readonly length: number;
  /** One sentence without a full stop. */
  readonly message: string;
  /** The known name that was most likely meant. */
  readonly nearest?: string;
  /** What could stand there. */
  readonly expected?: string;
}
