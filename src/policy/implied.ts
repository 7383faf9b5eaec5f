import type { Conditions } from '../model/condition-types.ts';

/** Whether a denial with these conditions holds whenever an allow with those does. Undefined: nothing more is wanted. */
export function denialFollows(
  allow: Conditions | undefined,
  denial: Conditions | undefined,
): boolean {
  if (denial === undefined) return true;
  if (allow === undefined) return false;
  const { hosts, headers, token, when } = denial;
  const hasHosts =
    hosts.length === 0 ||
    (allow.hosts.length > 0 && allow.hosts.every((host) => hosts.includes(host)));
  const hasHeaders = headers.every(({ name, value }) =>
    allow.headers.some(
      (one) => one.name === name && (value.kind === 'present' || isSame(one.value, value)),
    ),
  );
  // What a condition sees of a token hangs on the audiences that the rule names.
  const hasToken = (token === undefined && when === undefined) || isSame(allow.token, token);
  return (
    hasHosts && hasHeaders && hasToken && (when === undefined || allow.when?.text === when.text)
  );
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
