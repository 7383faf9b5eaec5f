import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A client as people have it; what it prints is what it heard. */
export interface Client {
  readonly name: string;
  readonly program: string;
  readonly run: (port: number) => Promise<string>;
}

export function isInstalled({ program }: Client): boolean {
  return spawnSync('which', [program]).status === 0;
}

const run = promisify(execFile);
const timeoutMs = 60_000;

/** Of what is said to several requests in one command. */
const curlRequests: readonly (readonly string[])[] = [
  ['/a%2Fb;v=1/c?d=e'],
  ['-G', '--data-urlencode', 'q=a b&c=ü/?', '/search'],
  ['--path-as-is', '/a%20b/100%25'],
  ['-d', 'a=b&c=d', '/form'],
  ['-F', 'file=a file;filename="a b.txt";type=text/plain', '-F', 'x=ü', '/upload'],
  [
    '-H',
    'Content-Type: application/json',
    '--data-binary',
    `{"a":"${'b'.repeat(2_000)}"}`,
    '/json',
  ],
  ['-H', 'Expect: 100-continue', '--data-binary', 'c'.repeat(70_000), '/expect'],
  ['-H', 'Transfer-Encoding: chunked', '-d', 'chunked', '/chunked'],
  ['-X', 'PURGE', '/cache/*'.replace('*', 'x')],
  ['-X', 'LIST', '/v1/secret'],
  ['-X', 'DELETE', '-d', '{}', '/x'],
  ['--http1.0', '/old'],
  ['-u', 'user:pass:word', '/basic'],
  ['--oauth2-bearer', 'a.b.c', '/bearer'],
  ['-b', 'a=b; c="d"', '-e', 'http://a.test/b?c', '-A', 'Mozilla/5.0 (X11; "q")', '/browser'],
  ['-r', '0-99', '-H', 'If-None-Match: "a"', '--compressed', '/range'],
  [
    '--aws-sigv4',
    'aws:amz:eu:s3',
    '-H',
    'X-Amz-Date: 20261130T000000Z',
    '-u',
    'id:secret',
    '/signed?b=2&a=1',
  ],
  ['--globoff', '/x?fields[a]=b&c={d}'],
];

/** The destination by its host, and by taking the proxy for an HTTP proxy, which a server answers as well. */
async function curl(port: number): Promise<string> {
  const all: string[] = [];
  for (const request of curlRequests) {
    const [path = '', ...options] = request.toReversed();
    const common = [
      '-sS',
      '-o',
      '-',
      '-w',
      ' %{http_code} %{size_download}\n',
      ...options.toReversed(),
    ];
    const url = ['-H', 'Host: api', `http://127.0.0.1:${port}${path}`];
    const proxied = ['-x', `http://127.0.0.1:${port}`, `http://api${path}`];
    for (const to of [url, proxied]) {
      all.push((await run('curl', [...common, ...to], { timeout: timeoutMs })).stdout);
    }
  }
  return all.join('');
}

const python = `
import http.client, sys, urllib.parse, urllib.request
port = int(sys.argv[1])
base = f'http://127.0.0.1:{port}'
def ask(path, method='GET', data=None, **headers):
    request = urllib.request.Request(base + path, data=data, method=method, headers={'Host': 'api', **headers})
    with urllib.request.urlopen(request) as answer: print(answer.status, answer.read())
ask('/a%2Fb/' + urllib.parse.quote('ü/é;=', safe='') + '?' + urllib.parse.urlencode({'q': 'a b/ü', 'x': '[1]'}))
ask('/x', 'POST', urllib.parse.urlencode({'a': 'b c'}).encode())
ask('/x', 'PROPFIND', b'<a/>', Depth='1')
connection = http.client.HTTPConnection('127.0.0.1', port)
for method, path, body, headers in [
    ('GET', '/kept', None, {}),
    ('PUT', '/chunks', iter([b'a' * 3, b'b' * 5000]), {'Content-Type': 'x/y'}),
    ('POST', '/empty', None, {}),
    ('GET', '/with?body', 'abc', {}),
    ('OPTIONS', '/cors', None, {'Origin': 'null'}),
]:
    connection.request(method, path, body, {'Host': 'api', **headers}, encode_chunked=not isinstance(body, (str, type(None))))
    answer = connection.getresponse()
    print(answer.status, answer.read())
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({'http': base})))
with urllib.request.urlopen('http://api/by/proxy%2Fx?y') as answer: print(answer.status, answer.read())
`;

const node = `
const http = require('node:http');
const port = Number(process.argv[2]);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (method, path, headers = {}, write = (q) => q.end()) => new Promise((resolve, reject) => {
  const q = http.request({ agent, port, host: '127.0.0.1', method, path, headers: { host: 'api', ...headers } }, (s) => {
    let text = '';
    s.on('data', (chunk) => { text += chunk; });
    s.on('end', () => { console.log(s.statusCode, text); resolve(); });
  });
  q.on('error', reject);
  write(q);
});
(async () => {
  await ask('GET', '/a%2Fb;c?d=[e]&f={"g":"h|i"}');
  await ask('POST', '/chunks', { 'content-type': 'a/b' }, (q) => { q.write('a'); q.write('b'.repeat(70000)); q.end('c'); });
  await ask('PUT', '/expect', { expect: '100-continue', 'content-length': 3 }, (q) => { q.on('continue', () => q.end('abc')); q.flushHeaders(); });
  await ask('DELETE', '/x', { 'content-length': 2 }, (q) => q.end('{}'));
  await ask('GET', '/headers', { 'X-Many': ['a', 'b, c', ''], Cookie: ['a=b', 'c=d'], 'x-latin': 'M\\u00fcnchen', 'x.y': 'z' });
  await ask('M-SEARCH', '/x');
  await ask('QUERY', '/x', { 'content-type': 'a/b', 'content-length': 1 }, (q) => q.end('a'));
  for (const [path, init] of [
    ['/fetched?q=' + encodeURIComponent('a b/ü'), {}],
    ['/form', { method: 'POST', body: new URLSearchParams({ a: 'b c', d: 'é' }) }],
    ['/patch', { method: 'PATCH', body: JSON.stringify({ a: 1 }), headers: { 'content-type': 'application/json' } }],
    ['/stream', { method: 'POST', duplex: 'half', body: new Blob(['abc']).stream() }],
  ]) {
    const answer = await fetch('http://api' + path, init);
    console.log(answer.status, await answer.text());
  }
  agent.destroy();
})();
`;

const java = `
import java.net.*;
import java.net.http.*;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
public class Client {
  public static void main(String[] args) throws Exception {
    var proxy = ProxySelector.of(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])));
    for (var version : HttpClient.Version.values()) {
      var client = HttpClient.newBuilder().proxy(proxy).version(version).build();
      for (var path : new String[] { "/a%2Fb;c=d", "/x?q=" + URLEncoder.encode("a b/ü", StandardCharsets.UTF_8), "/%C3%BC" }) {
        var request = HttpRequest.newBuilder(URI.create("http://api" + path)).build();
        var answer = client.send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(answer.statusCode() + " " + answer.body());
      }
      var posted = HttpRequest.newBuilder(URI.create("http://api/posted")).expectContinue(true)
        .header("Content-Type", "text/plain").POST(BodyPublishers.ofString("abc")).build();
      System.out.println(client.send(posted, HttpResponse.BodyHandlers.ofString()).statusCode());
      var stream = HttpRequest.newBuilder(URI.create("http://api/stream")).method("REPORT", BodyPublishers.fromPublisher(BodyPublishers.ofString("def"))).build();
      System.out.println(client.send(stream, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
  }
}
`;

const go = `
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

func main() {
	base := "http://127.0.0.1:" + os.Args[1]
	ask := func(method, target string, body io.Reader, change func(*http.Request)) {
		request, err := http.NewRequest(method, base+target, body)
		if err != nil {
			panic(err)
		}
		request.Host = "api"
		if change != nil {
			change(request)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			panic(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		fmt.Println(answer.StatusCode, string(text))
	}
	ask("GET", "/a%2Fb;c/"+url.PathEscape("ü/a;=@:")+"?"+url.Values{"q": {"a b/ü", "[1]"}}.Encode(), nil, nil)
	ask("POST", "/chunks", io.MultiReader(strings.NewReader("abc"), strings.NewReader(strings.Repeat("d", 70000))), nil)
	ask("PUT", "/expect", strings.NewReader("abc"), func(r *http.Request) { r.Header.Set("Expect", "100-continue") })
	ask("DELETE", "/x", strings.NewReader("{}"), nil)
	ask("LIST", "/v1/secret", nil, nil)
	ask("GET", "/close", nil, func(r *http.Request) { r.Close = true })
	ask("GET", "/opaque", nil, func(r *http.Request) { r.URL.Opaque = "/raw%2fpath/%7Bx%7D" })
	ask("GET", "/headers", nil, func(r *http.Request) { r.Header["x-lower"] = []string{"a", "b"}; r.SetBasicAuth("a", "b:c") })
}
`;

/** Runs a program that is written here, as `up` runs an application, in a folder that is gone afterwards. */
function inFile(name: string, text: string, ...command: readonly [string, ...string[]]) {
  return async (port: number): Promise<string> => {
    const dir = mkdtempSync(join(tmpdir(), 'client-'));
    const file = join(dir, name);
    writeFileSync(file, text);
    const [program, ...args] = command;
    const proxy = `http://127.0.0.1:${port}`;
    const env = { ...process.env, HTTP_PROXY: proxy, NO_PROXY: 'localhost,127.0.0.1' };
    try {
      const options = { timeout: timeoutMs, env: { ...env, NODE_USE_ENV_PROXY: '1' } };
      return (await run(program, [...args, file, String(port)], options)).stdout;
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  };
}

export const clients: readonly Client[] = [
  { name: 'curl', program: 'curl', run: curl },
  {
    ...{ name: "Python's urllib and http.client", program: 'python3' },
    run: inFile('client.py', python, 'python3'),
  },
  {
    ...{ name: "Node's http and fetch", program: 'node' },
    run: inFile('client.cjs', node, process.execPath),
  },
  {
    ...{ name: "Java's HttpClient", program: 'java' },
    run: inFile('Client.java', java, 'java'),
  },
  { name: "Go's net/http", program: 'go', run: inFile('client.go', go, 'go', 'run') },
];
