import { parseCel } from './src/cel/parse.ts';
import { checkCel } from './src/cel/check.ts';
import { compileCel } from './src/cel/compile.ts';
import { standardDeclarations } from './src/cel/variables.ts';
import { absent, celTimestamp, celFromJson, celFault } from './src/cel/value.ts';
const d = standardDeclarations(new Map([['team',{kind:'string'}],['level',{kind:'int'}]] as const));
const vals: Record<string, any> = { 'request.method':'GET','request.path':'/v1/charges/1', 'request.headers': new Map<string,any>([['x-team','web'],['dup',celFault('came 2 times')]]), 'request.time': celTimestamp(Date.UTC(2026,5,1,10,30)), 'source.team':'web','source.level':3,'source.roles':['a','b'],'source.address':'10.1.2.3','token.claims':celFromJson({sub:'x',n:3,groups:['a','b']}), token: true, time: celTimestamp(Date.UTC(2026,5,1,10,30)) };
const read = (n: string) => n in vals ? vals[n] : absent;
for (const t of ['request.method == "GET" && source.team in ["web","x"]','request.time.getHours("Europe/Berlin") in [9,10,11,12]','sorce.team == "a"','source.taem == "a"','request.header["x"] == "a"','source == "a"','source.level == "3"','request.path.matches("^/v1/[a-z]+/\\\\d+$")','request.path.matches("(a")','request.headers["dup"] == "x"','request.headers["no"] == "x" || true','has(token) && token.claims.n >= 3','has(token.issuer)','token','token.claims.groups.exists(g, g == "b")','inCidr(source.address, "10.0.0.0/8")','inCidr(source.address, "10.0.0.1/8")','request.time > timestamp("2026-13-01T00:00:00Z")','request.time > "2026"','request.time.getHours("Europe/Berln") == 1','time - request.time < duration("5m")','1 == 1','1/0 == 1','source.roles.filter(r, r != "a").map(r, r + "!") == ["b!"]','request.path.startWith("/a")','startsWith(request.path, "/a")','source.roles.size() == 2','source.nope == 1', 'destination.team == "x"', 'request.headers["x-team"].upperAscii() == "WEB"', '"a,b".split(",") == source.roles', 'source.level + 1', 'has(request.headers["x"])', 'request.path.contains(1)', 'has(source.team) ? source.team == "web" : false']) {
  const p = parseCel(t); if (!p.ok) { console.log(t, p.error); continue; }
  const c = checkCel(p.value, d); if (!c.ok) { console.log(t, JSON.stringify(c.error)); continue; }
  console.log(t, c.value.constant ?? '', JSON.stringify(compileCel(JSON.parse(JSON.stringify(c.value.expr)))(read)));
}
