// Talks to a running gateway with Go's net/http; called by Scripts/clients.
//
//	go run clients.go BASE SECURE CERTIFICATE LARGEST DIGEST
package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"runtime"
	"strings"
	"time"
)

// Ends the program with a reason unless a condition holds.
func expect(holds bool, words string, details ...any) {
	if !holds {
		fmt.Fprintf(os.Stderr, words+"\n", details...)
		os.Exit(1)
	}
}

// A reader that hides its length, so that the body is sent in chunks.
type unsized struct{ io.Reader }

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

// Sends a request and returns its answer with the whole body.
func ask(client *http.Client, method, url string, body io.Reader, fields ...string) (*http.Response, []byte) {
	request, err := http.NewRequest(method, url, body)
	expect(err == nil, "%v", err)
	for at := 0; at < len(fields); at += 2 {
		request.Header.Set(fields[at], fields[at+1])
	}
	answer, err := client.Do(request)
	expect(err == nil, "%s %s: %v", method, url, err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	expect(err == nil, "%s %s: %v", method, url, err)
	return answer, data
}

func try(client *http.Client, root, largest, digest string) {
	reused := false
	for turn := 0; turn < 5; turn++ {
		trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
		request, _ := http.NewRequest("GET", root+"/files/a?id=a&size=1000", nil)
		answer, err := client.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
		expect(err == nil, "%v", err)
		data, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		expect(err == nil && answer.StatusCode == 200 && len(data) == 1000, "GET: %v %v %d", err, answer, len(data))
		expect(answer.Header.Get("X-Soak-Id") == "a", "another request's answer")
	}
	expect(reused, "the connection was not kept")

	body := bytes.Repeat([]byte("0123456789abcdef"), 20000)
	for _, fields := range [][]string{{}, {"Expect", "100-continue"}} {
		_, data := ask(client, "PUT", root+"/files/up?id=up", bytes.NewReader(body), fields...)
		expect(strings.Contains(string(data), sum(body)), "PUT came to %s", data)
		_, data = ask(client, "PUT", root+"/files/up?id=up", unsized{bytes.NewReader(body)}, fields...)
		expect(strings.Contains(string(data), sum(body)), "PUT in chunks came to %s", data)
	}

	large := root + "/files/large?id=large&size=" + largest
	answer, data := ask(client, "GET", large, nil)
	expect(sum(data) == digest && answer.Uncompressed, "a large answer: %d bytes, compressed: %v", len(data), answer.Uncompressed)
	answer, data = ask(client, "GET", large+"&chunked=1", nil, "Accept-Encoding", "identity")
	expect(sum(data) == digest && !answer.Uncompressed, "a large answer in chunks: %d bytes", len(data))
	answer, data = ask(client, "HEAD", root+"/files/a?id=a&size=1000", nil, "Accept-Encoding", "identity")
	expect(answer.StatusCode == 200 && len(data) == 0 && answer.ContentLength == 1000, "HEAD: %v", answer)

	answer, _ = ask(client, "GET", root+"/nowhere", nil)
	expect(answer.StatusCode == 404, "status %d", answer.StatusCode)
	answer, _ = ask(client, "DELETE", root+"/files/a", nil)
	expect(answer.StatusCode == 405, "status %d", answer.StatusCode)
	answer, data = ask(client, "GET", root+"/dead", nil)
	expect(answer.StatusCode >= 502 && answer.StatusCode <= 504, "status %d: %s", answer.StatusCode, data)
	expect(answer.Header.Get("Content-Type") == "application/problem+json", "no problem document: %v", answer)
}

func main() {
	pem, err := os.ReadFile(os.Args[3])
	expect(err == nil, "%v", err)
	pool := x509.NewCertPool()
	expect(pool.AppendCertsFromPEM(pem), "no certificate in %s", os.Args[3])
	for _, root := range os.Args[1:3] {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ExpectContinueTimeout: 10 * time.Second}
		try(&http.Client{Transport: transport, Timeout: time.Minute}, root, os.Args[4], os.Args[5])
	}
	fmt.Println(runtime.Version())
}
