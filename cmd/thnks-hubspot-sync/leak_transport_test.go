package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/notice"
	"thnks-hubspot-sync/thnksapi"
)

// foreign is in what peers send, and in no text of ours.
const foreign = "canary-ann.doe"

// certificate returns one for a name, which it has as its owner's, too, and the pool that
// trusts it.
func certificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	owner := pkix.Name{CommonName: foreign, Organization: []string{foreign}}
	text, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: owner, Issuer: owner, DNSNames: []string{name, foreign + ".example"}, EmailAddresses: []string{foreign + "@example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}, &x509.Certificate{Subject: owner}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{text}, PrivateKey: key}, pool
}

// frame is a frame of HTTP/2, see RFC 9113.
func frame(kind, flags byte, stream uint32, payload string) string {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	return string(binary.BigEndian.AppendUint32(append(head, flags), stream)) + payload
}

// serveFrames answers each TLS connection with a text, and returns its address.
func serveFrames(t *testing.T, cert tls.Certificate, protocol, text string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{protocol}})
	if err != nil {
		t.Fatal(err)
	}
	answerEach(t, l, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 16<<10))
		time.Sleep(10 * time.Millisecond) // for the request behind the preface
		_, _ = io.WriteString(c, text)    // the client may have had enough
		_, _ = c.Read(make([]byte, 16<<10))
		time.Sleep(100 * time.Millisecond)
	})
	return "https://" + l.Addr().String()
}

// answerEach calls answer for each connection of a listener until the test ends, and
// closes it then.
func answerEach(t *testing.T, l net.Listener, answer func(net.Conn)) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				answer(c)
			}()
		}
	}()
}

// TestPeersAreNotQuoted: what a peer says below an answer, in a certificate, in frames of
// HTTP/2, or as the proxy on the way, is in no error or log line of any client.
func TestPeersAreNotQuoted(t *testing.T) {
	t.Parallel()
	good, trusted := certificate(t, "sync.example.com")
	local := httptest.NewUnstartedServer(nil)
	local.StartTLS()
	defer local.Close()
	localPool := x509.NewCertPool()
	localPool.AddCert(local.Certificate())
	settings := frame(4, 0, 0, "")
	word := "\x00" + string(rune(len("x-name"))) + "x-name" + string(rune(len(foreign))) + foreign
	proxy := func(answer string) func(*http.Transport) string {
		return func(to *http.Transport) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			answerEach(t, l, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, answer)
			})
			to.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: l.Addr().String(), User: url.UserPassword("ann", foreign)})
			return "https://sync.example.com"
		}
	}
	h2 := func(frames string) func(*http.Transport) string {
		return func(to *http.Transport) string {
			to.ForceAttemptHTTP2 = true
			to.TLSClientConfig = &tls.Config{RootCAs: localPool}
			return serveFrames(t, local.TLS.Certificates[0], "h2", settings+frames)
		}
	}
	var all sync.WaitGroup
	defer all.Wait()
	for what, begin := range map[string]func(*http.Transport) string{
		"a certificate that is not trusted": func(to *http.Transport) string {
			to.TLSClientConfig = &tls.Config{ServerName: "sync.example.com"}
			return serveFrames(t, good, "http/1.1", "")
		},
		"another name's certificate": func(to *http.Transport) string {
			to.TLSClientConfig = &tls.Config{RootCAs: trusted, ServerName: "another.example.com"}
			return serveFrames(t, good, "http/1.1", "")
		},
		"no TLS": func(*http.Transport) string {
			return strings.Replace(httptest.NewServer(http.NotFoundHandler()).URL, "http:", "https:", 1)
		},
		"GOAWAY":                h2(frame(7, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x0b"+foreign)),
		"GOAWAY, done":          h2(frame(7, 0, 0, "\x00\x00\x00\x01\x00\x00\x00\x00"+foreign)),
		"RST_STREAM":            h2(frame(3, 0, 1, "\x00\x00\x00\x02")),
		"an odd frame":          h2(frame(0, 0, 0, foreign)),
		"an odd header":         h2(frame(1, 4, 1, "\x88\x00\x06X NAME"+string(rune(len(foreign)))+foreign)),
		"no header block":       h2(frame(1, 4, 1, "\xff\xff\xff\xff\xff\xff"+foreign)),
		"no status":             h2(frame(1, 5, 1, word)),
		"not HTTP/2":            h2("HTTP/1.1 200 " + foreign + "\r\n\r\n"),
		"a proxy that refuses":  proxy("HTTP/1.1 407 " + foreign + "\r\n\r\n" + foreign),
		"a proxy without words": proxy("HTTP/1.1 " + foreign + "\r\n\r\n"),
		"no proxy":              proxy(foreign + "\r\n\r\n"),
	} {
		transport := &http.Transport{}
		address := begin(transport)
		var logs lockedLog
		log := slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		secret := func() (hubspot.Secret, error) { return hubspot.SecretOf("secret-canary"), nil }
		source, err1 := thnksapi.New(thnksapi.Config{BaseURL: address, Key: "key-canary", Dialect: thnksapi.DefaultDialect(), Transport: transport, Logger: log})
		sender, err2 := thnksapi.NewSender(thnksapi.SenderConfig{BaseURL: address, Key: "key-canary", Transport: transport, Logger: log})
		client, err3 := hubspot.New(hubspot.Config{BaseURL: address, Token: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "token-canary"}), Transport: transport, Logger: log})
		app, err4 := hubspot.NewApp(hubspot.AppConfig{
			BaseURL: address, ClientID: "id", ClientSecret: secret, AuthorizeURL: "https://app.hubspot.test/oauth/authorize", RedirectURL: "https://sync.example.com/oauth/callback", Transport: transport,
		})
		for _, err := range []error{err1, err2, err3, err4} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for who, call := range map[string]func() error{
			"Thnks": func() error { _, err := source.Transactions(t.Context(), thnksapi.Query{}); return err },
			"sends": func() error {
				r := sender.Send(t.Context(), thnksapi.GiftRequest{GiftID: 1, Recipient: thnksapi.Recipient{Email: "bea@acme.example", FirstName: "Bea"}, Message: "Hi"})
				return fmt.Errorf("%+v", r)
			},
			"HubSpot": func() error { _, err := client.Get(t.Context(), "contacts", "1", nil, false); return err },
			"OAuth":   func() error { _, err := app.Exchange(t.Context(), "code-canary", hubspot.Secret{}); return err },
			"Slack": func() error {
				s := notice.Slack{URL: func() (string, error) { return address + "/services/canary", nil }, Transport: transport}
				return s.Deliver(t.Context(), notice.Notice{Subject: "s", Body: "b"})
			},
		} {
			all.Go(func() { // they wait between their tries
				err := call()
				if said := fmt.Sprint(err); err == nil || strings.Contains(said, "canary") {
					t.Errorf("%s, %s: %v", who, what, err)
				}
				if text := logs.String(); strings.Contains(text, "canary") {
					t.Errorf("%s, %s: logged %s", who, what, text)
				}
			})
		}
	}
}

// A lockedLog is a log that several goroutines write to.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
