package hubspot

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestTooLargeRead: a read whose answer is too large is made in halves.
func TestTooLargeRead(t *testing.T) {
	p, ids := filled(230)
	p.large = 30
	c := p.client(t)
	out, err := c.Read(t.Context(), "2-1", ids, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		if o.Object == nil || o.Object.ID != ids[i] {
			t.Errorf("record %d: %+v", i, o)
		}
	}
	p.large = 1
	_, err = c.Read(t.Context(), "2-1", ids[:3], nil)
	checkKind(t, err, Unexpected)
}

// TestTooLargeWrite: a write whose answer is too large was made.
func TestTooLargeWrite(t *testing.T) {
	for _, large := range []int{1, 5} { // answers about single records are never too large
		p, ids := filled(11)
		p.large = large
		out, err := p.client(t).Update(t.Context(), "2-1", patches(ids))
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if o.Object == nil || o.Object.ID != ids[i] || p.records[ids[i]]["of"] != ids[i] {
				t.Errorf("update %d: %+v", i, o)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		p := newFakePortal()
		p.large = 30
		out, err := create(t, p, gifts(250))
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if o.Object == nil {
				t.Errorf("create %d: %+v", i, o)
			}
		}
		if len(p.records) != 250 || p.count("POST batch/create") != 3 {
			t.Errorf("%d records by %d creates", len(p.records), p.count("POST batch/create"))
		}
	})
}

// TestTooLargeRefused: halves that are refused are isolated as ever.
func TestTooLargeRefused(t *testing.T) {
	p, ids := filled(100)
	p.large = 30
	p.badRead = func(id string) bool { return id == ids[66] }
	out, err := p.client(t).Read(t.Context(), "2-1", ids, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		if (o.Object == nil) != (i == 66) {
			t.Errorf("record %d: %+v", i, o)
		}
	}
}

// TestListTooLarge: a page that is too large is asked for with fewer records.
func TestListTooLarge(t *testing.T) {
	var limits []string
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := r.URL.Query().Get("limit")
		limits = append(limits, limit)
		if n, _ := strconv.Atoi(limit); n > 30 {
			w = largeWriter{w}
		}
		reply(w, 200, map[string]any{"results": []any{map[string]any{"id": "1"}}, "paging": map[string]any{"next": map[string]any{"after": "1"}}})
	}))
	page, err := c.List(t.Context(), "2-1", "", 100, false, nil)
	if err != nil || len(page.Objects) != 1 || page.After != "1" || strings.Join(limits, " ") != "100 50 25" {
		t.Errorf("page %+v, error %v, asked for %v", page, err, limits)
	}
}

// TestCheckSize holds the scan against what decoding would build.
func TestCheckSize(t *testing.T) {
	list := func(n int) string { return `{"results":[` + strings.Repeat(`{},`, n-1) + `{}]}` }
	for _, tt := range []struct {
		text  string
		asked int
		want  error
	}{
		{list(300), 100, nil},
		{list(301), 100, errTooMany},
		{list(maxElements), 0, nil},
		{list(maxElements + 1), 0, errTooMany},
		{`{"errors":[` + strings.Repeat("1,", 400) + `1]}`, 100, errTooMany},
		{`{"results":["` + strings.Repeat(",", 400) + `"]}`, 100, nil},
		{`{"a":{` + strings.Repeat(`"b":1,`, 400) + `"b":1}}`, 1, nil},
		{`{"results":[{"p":{` + strings.Repeat(`"b":1,`, maxValues) + `"b":1}}]}`, 1, errTooLarge},
		{`{"results":[{"p":[` + strings.Repeat(`[]`, maxValues) + `]}]}`, 1, errTooLarge},
	} {
		if got := checkSize([]byte(tt.text), tt.asked); got != tt.want {
			t.Errorf("%.40s… of %d bytes, asked for %d: %v, want %v", tt.text, len(tt.text), tt.asked, got, tt.want)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		if err := checkSize([]byte(rapid.String().Draw(rt, "text")), 1); err == errTooLarge {
			rt.Errorf("%v", err)
		}
	})
}

// TestAnswerMemory: small compressed answers of many small elements take little.
func TestAnswerMemory(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	for name, text := range map[string]string{
		"records":    `{"results":[` + strings.Repeat(`{},`, maxBody/3-10) + `{}]}`,
		"properties": `{"results":[{"id":"1","properties":{` + properties(600_000) + `}}]}`,
		"errors":     `{"results":[],"errors":[` + strings.Repeat(`{},`, maxBody/3-20) + `{}]}`,
		"contexts":   `{"results":[],"errors":[{"context":{"ids":[` + strings.Repeat(`"",`, maxBody/3-30) + `""]}}]}`,
	} {
		z.Reset()
		w.Reset(&z)
		fmt.Fprint(w, text)
		w.Close()
		for _, status := range []int{200, 400} {
			c := clientOver(t, transportFunc(func(req *http.Request) (*http.Response, error) {
				r, _ := gzip.NewReader(bytes.NewReader(z.Bytes()))
				res := respond(req, status, "")
				res.Body, res.Uncompressed, res.ContentLength = r, true, -1
				return res, nil
			}))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := c.Read(t.Context(), "2-1", []string{"1", "2"}, nil)
			runtime.ReadMemStats(&after)
			if e, ok := AsError(err); status == 200 && (!ok || e.Kind != Unexpected) {
				t.Errorf("%s: error %v", name, err)
			}
			// Of which most is the growing buffer: 8 + 16 MiB and a half, three times.
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 120 {
				t.Errorf("%s with status %d: %d KiB compressed took %d MiB", name, status, z.Len()>>10, took)
			}
		}
	}
}

func properties(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%x":"",`, i)
	}
	return b.String() + `"":""`
}

// A meter is a [Memory] that counts.
type meter struct {
	mu         sync.Mutex
	used, most int64
	wait       time.Duration // before memory is given
}

func (m *meter) Acquire(ctx context.Context, n int64) error {
	if err := sleep(ctx, m.wait); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used += n
	m.most = max(m.most, m.used)
	return nil
}

func (m *meter) Release(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= n
}

// TestAnswersReserveMemory: every answer has its memory before it is read, whatever it says, and
// gives it back.
func TestAnswersReserveMemory(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(*http.Request) *http.Response
		most   int64
	}{
		{"of unknown length", func(r *http.Request) *http.Response { return respond(r, 200, `{}`) }, maxBody},
		{"of known length", func(r *http.Request) *http.Response {
			res := respond(r, 200, `{}`)
			res.ContentLength = 2
			return res
		}, 2},
		{"compressed", func(r *http.Request) *http.Response {
			res := respond(r, 200, `{}`)
			res.ContentLength, res.Uncompressed = 2, true
			return res
		}, maxBody},
		{"of great length", func(r *http.Request) *http.Response {
			res := respond(r, 200, `{}`)
			res.ContentLength = 1 << 40
			return res
		}, maxBody},
		{"garbled", func(r *http.Request) *http.Response { return respond(r, 200, `{`) }, maxBody},
		{"refused", func(r *http.Request) *http.Response { return respond(r, 400, `{}`) }, maxBody},
		{"empty", func(r *http.Request) *http.Response {
			res := respond(r, 200, ``)
			res.ContentLength = 0
			return res
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := new(meter)
				c := clientOver(t, transportFunc(func(r *http.Request) (*http.Response, error) {
					res := tt.answer(r)
					if res.ContentLength == 0 && tt.most != 0 {
						res.ContentLength = -1
					}
					return res, nil
				}), func(cfg *Config) { cfg.Memory = m })
				_, _ = c.do(t.Context(), request{class: Objects, method: http.MethodGet, path: "/x", out: new(someJSON)})
				if m.used != 0 || m.most != tt.most {
					t.Errorf("at most %d, in the end %d; want %d and none", m.most, m.used, tt.most)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		unknown := func(r *http.Request) (*http.Response, error) {
			res := respond(r, 200, "{}")
			res.ContentLength = -1
			return res, nil
		}
		c := clientOver(t, answers(unknown), func(cfg *Config) { cfg.Memory = &meter{wait: time.Hour} })
		_, err := c.do(t.Context(), request{class: Objects, method: http.MethodPost, path: "/x", out: new(someJSON), once: true})
		if e := checkKind(t, err, Transient); !e.Lost || !errors.Is(e, context.DeadlineExceeded) {
			t.Errorf("error %#v", e)
		}
	})
}

// A largeWriter adds 8 MiB of nothing to an answer.
type largeWriter struct{ http.ResponseWriter }

func (w largeWriter) Write(b []byte) (int, error) {
	_, err := w.ResponseWriter.Write(append(bytes.Repeat([]byte{' '}, maxBody), b...))
	return len(b), err
}
