package thnksapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"testing/iotest"
)

// FuzzAnswer: taking an answer apart while it comes finds what decoding it as a
// whole does, and refuses what is no JSON.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		`{"a":{"b":[{"id":1},2,"x",null,[]]},"n":"c"}`,
		`{"n":null,"a":{"b":null}}`,
		`{"a":{"b":[1]},"a":{},"n":1,"n":{"x":[]}}`,
		`{"a":{"b":[1]},"a":7}`, `{"a":{"b":[1],"b":{}}}`, `{"a":{"c":{"b":[1]}}}`,
		`[]`, `"a"`, `{}`, `{"a":[{"b":[]}]}`, `{"a":{"b":[1,]}}`, `{"a" {"b":[1]}}`, `{"a":{"b":[1 2]}}`, `{"a":{"b":[]}}}`, `{"a":{"b":[]}}{}`,
		`{"a":{"b":[]`, ``, ` `, `{"x":[[1,{"y":2}],3],"a":{"b":[{}]}}`, `{,}`, `{"a":}`, `[,1]`, `{"a":{"b":[nul]}}`,
	} {
		f.Add([]byte(s))
	}
	want := parts{items: pointer{"a", "b"}, next: pointer{"n"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		a := new(answer)
		err := a.read(iotest.OneByteReader(bytes.NewReader(body)), want, maxAnswer)
		valid := json.Valid(bytes.TrimPrefix(body, []byte("\uFEFF")))
		if errors.Is(err, errDeep) {
			return
		}
		if (err == nil) != valid {
			t.Fatalf("%q: %v, valid: %v", body, err, valid)
		}
		if err != nil {
			return
		}
		var whole, inner map[string]json.RawMessage
		_ = json.Unmarshal(body, &whole)       // no object has none of these
		_ = json.Unmarshal(whole["a"], &inner) // likewise
		if string(whole["n"]) != string(a.next) {
			t.Errorf("%q: cursor %q, want %q", body, a.next, whole["n"])
		}
		var elements []json.RawMessage
		isArray := inner["b"] != nil && json.Unmarshal(inner["b"], &elements) == nil
		if isArray != (a.listed == asArray) || (inner["b"] == nil) != (a.listed == asNothing) {
			t.Errorf("%q: found as %v", body, a.listed)
		}
		if isArray && !equalRaw(elements, a.elements) {
			t.Errorf("%q: elements %q, want %q", body, a.elements, elements)
		}
	})
}

func equalRaw(a, b []json.RawMessage) bool {
	x, _ := json.Marshal(a) // valid, as they were decoded
	y, _ := json.Marshal(b)
	return len(a) == len(b) && (len(a) == 0 || bytes.Equal(x, y))
}
