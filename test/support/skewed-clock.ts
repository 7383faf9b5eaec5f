/** Loaded before an agent: its wall clock differs by `SKEW_MS`, and no other program's. */
const skewMs = Number(process.env['SKEW_MS'] ?? 0);
if (process.argv[2] === 'agent') {
  const now = Date.now.bind(Date);
  Date.now = () => now() + skewMs;
}
