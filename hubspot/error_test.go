package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestAnswerError(t *testing.T) {
	const message = "Property values were not valid: ann@example.com"
	for _, tt := range []struct {
		name   string
		status int
		header []string
		body   string
		want   Error
	}{
		{
			name: "validation", status: 400,
			body: `{"status":"error","message":"` + message + `","correlationId":"c-1","category":"VALIDATION_ERROR","subCategory":"crm.x",
				"errors":[{"message":"no","code":"INVALID_INTEGER","subCategory":"s","context":{"propertyName":["discount"]}}],"links":{}}`,
			want: Error{
				Kind: Refused, Category: "VALIDATION_ERROR", SubCategory: "crm.x", Message: message, CorrelationID: "c-1",
				Details: []Detail{{Code: "INVALID_INTEGER", Property: "discount", SubCategory: "s"}},
			},
		},
		{
			name: "the header's correlation id comes first", status: 400, header: []string{"x-hubspot-correlation-id", "c-2"},
			body: `{"correlationId":"c-1"}`,
			want: Error{Kind: Refused, CorrelationID: "c-2"},
		},
		{
			name: "scopes", status: 403,
			body: `{"category":"MISSING_SCOPES","errors":[{"message":"One or more of the following scopes are required.",
				"context":{"requiredGranularScopes":["crm.objects.custom.read","crm.objects.custom.write"]}}]}`,
			want: Error{
				Kind: Forbidden, Category: "MISSING_SCOPES",
				Details: []Detail{{Scopes: []string{"crm.objects.custom.read", "crm.objects.custom.write"}}},
			},
		},
		{
			name: "scopes at the top", status: 403,
			body: `{"context":{"requiredGranularScopes":["crm.schemas.custom.read"]}}`,
			want: Error{Kind: Forbidden, Details: []Detail{{Scopes: []string{"crm.schemas.custom.read"}}}},
		},
		{
			name: "an object of that id is missing", status: 404,
			body: `{"category":"OBJECT_NOT_FOUND"}`,
			want: Error{Kind: NotFound, Category: "OBJECT_NOT_FOUND"},
		},
		{
			name: "what the category says of a 400 changes nothing", status: 400,
			body: `{"category":"OBJECT_NOT_FOUND"}`,
			want: Error{Kind: Refused, Category: "OBJECT_NOT_FOUND"},
		},
		{
			name: "odd types", status: 409,
			body: `{"status":409,"correlationId":7,"errors":"none","context":[1],"category":"CONFLICT"}`,
			want: Error{Kind: Refused, Category: "CONFLICT", CorrelationID: "7"},
		},
		{name: "a firewall's page", status: 403, header: []string{"Content-Type", "text/html"}, body: `<html>ann@example.com`, want: Error{Kind: Transient, Err: errBlocked}},
		{name: "a firewall's JSON", status: 403, body: `{"message":"Forbidden","errors":[{"code":1020}]}`, want: Error{Kind: Transient, Err: errBlocked}},
		{name: "a firewall's silence", status: 403, want: Error{Kind: Transient, Err: errBlocked}},
		{name: "a proxy's 400", status: 400, body: `<html>400 Bad Request`, want: Error{Kind: Transient, Err: errBlocked}},
		{name: "a proxy's 401", status: 401, body: `<html>log in`, want: Error{Kind: Transient, Err: errBlocked}},
		{name: "a proxy's 404", status: 404, body: `<html>no such host`, want: Error{Kind: Transient, Err: errBlocked}},
		{name: "a proxy's 407", status: 407, body: `Proxy Authentication Required`, want: Error{Kind: Transient, Err: errBlocked}},
		{name: "the body is too large for someone", status: 413, body: `<html>`, want: Error{Kind: Refused}},
		{name: "the type is not taken", status: 415, body: `<html>`, want: Error{Kind: Refused}},
		{name: "HTML", status: 502, header: []string{"Content-Type", "text/html"}, body: `{"message":"<html>"}`, want: Error{Kind: Transient}},
		{name: "HTML without saying so", status: 502, header: []string{"Content-Type", ""}, body: `<html>ann@example.com`, want: Error{Kind: Transient}},
		{
			name: "problem+json", status: 400, header: []string{"Content-Type", "application/problem+json"}, body: `{"category":"A"}`,
			want: Error{Kind: Refused, Category: "A"},
		},
		{name: "too deep", status: 400, body: `{"category":"A","x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, want: Error{Kind: Refused}},
		{name: "empty", status: 437, want: Error{Kind: Refused}},
		{name: "list", status: 404, body: `[]`, want: Error{Kind: NotFound}},
		{
			name: "daily", status: 429, body: `{"message":"You have reached your daily limit.","errorType":"RATE_LIMIT","policyName":"DAILY"}`,
			want: Error{Kind: Daily, Message: "You have reached your daily limit.", Policy: "DAILY"},
		},
		{
			name: "ten seconds", status: 429, body: `{"policyName":"TEN_SECONDLY_ROLLING","message":"daily"}`,
			want: Error{Kind: Limited, Message: "daily", Policy: "TEN_SECONDLY_ROLLING"},
		},
		{name: "second", status: 429, body: `{"policyName":"SECONDLY"}`, want: Error{Kind: Limited, Policy: "SECONDLY"}},
		{
			name: "policy by message", status: 429, body: `{"category":"RATE_LIMITS","message":"You have reached your secondly limit."}`,
			want: Error{Kind: Limited, Category: "RATE_LIMITS", Message: "You have reached your secondly limit.", Policy: "SECONDLY"},
		},
		{
			name: "policy by long message", status: 429, body: `{"message":"You have reached your ten_secondly_rolling limit."}`,
			want: Error{Kind: Limited, Message: "You have reached your ten_secondly_rolling limit.", Policy: "TEN_SECONDLY_ROLLING"},
		},
		{name: "policy by error type", status: 429, body: `{"errorType":"DAILY_LIMIT"}`, want: Error{Kind: Daily, Policy: "DAILY"}},
		{name: "new policy", status: 429, body: `{"policyName":"HOURLY"}`, want: Error{Kind: Limited, Policy: "HOURLY"}},
		{name: "no policy", status: 429, body: `too many`, want: Error{Kind: Limited, Policy: "TEN_SECONDLY_ROLLING"}},
		{name: "migrating", status: 477, body: `{}`, want: Error{Kind: Migrating}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := respond(nil, tt.status, tt.body, tt.header...)
			call := &Call{Status: tt.status, Method: "POST", Path: "/x", CorrelationID: res.Header.Get("X-HubSpot-Correlation-Id")}
			got := answerError(call, res.Header, []byte(tt.body))
			if got.Err != tt.want.Err {
				t.Errorf("because of %v, want %v", got.Err, tt.want.Err)
			}
			got.Err, tt.want.Err = nil, nil
			tt.want.Status, tt.want.Method, tt.want.Path = tt.status, "POST", "/x"
			if diff := cmp.Diff(&tt.want, got, cmpopts.IgnoreUnexported(Error{})); diff != "" {
				t.Error(diff)
			}
			if call.CorrelationID != got.CorrelationID {
				t.Errorf("the call has correlation id %q", call.CorrelationID)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	until := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		err  *Error
		want string
	}{
		{
			&Error{Kind: Refused, Status: 400, Category: "VALIDATION_ERROR", CorrelationID: "c-1", Message: "ann@example.com", Method: "POST", Path: "/x"},
			"hubspot: POST /x: 400 VALIDATION_ERROR (correlation c-1): HubSpot does not accept this input; correct it, or the property or rule in HubSpot that forbids it",
		},
		{
			&Error{Kind: Refused, Status: 400, Category: "Ann said no", CorrelationID: "\x1b[2J", Method: "POST", Path: "/x"},
			"hubspot: POST /x: 400: HubSpot does not accept this input; correct it, or the property or rule in HubSpot that forbids it",
		},
		{
			&Error{Kind: Transient, Err: refusedDial, Method: "GET", Path: "/x"},
			"hubspot: GET /x: connection refused: HubSpot could not be reached or did not finish; check the connection, run again later",
		},
		{
			&Error{Kind: Transient, Err: context.Canceled, Method: "GET", Path: "/x"},
			"hubspot: GET /x: cancelled: the call was interrupted; run again",
		},
		{
			&Error{Kind: Transient, Err: io.EOF, Lost: true, Method: "POST", Path: "/x"},
			"hubspot: POST /x: connection closed before the answer was complete: the request may have taken effect; look for its record before sending it again",
		},
		{
			&Error{Kind: Daily, Status: 429, Until: until, Method: "GET", Path: "/x"},
			"hubspot: GET /x: 429: the portal's calls for today are used up; nothing is sent until 2026-11-22T00:00:00Z",
		},
		{
			&Error{Kind: Forbidden, Status: 403, Details: []Detail{{Scopes: []string{"crm.a", "crm.b", "<b>"}}}, Method: "GET", Path: "/x"},
			"hubspot: GET /x: 403: the token lacks a scope; grant one of: crm.a, crm.b",
		},
		{
			&Error{Kind: Transient, Status: 403, Err: errBlocked, Method: "GET", Path: "/x"},
			"hubspot: GET /x: 403: blocked by a proxy or firewall between here and HubSpot, which answered in its place; let it pass calls to HubSpot's API, and check that base_url is its address",
		},
		{
			&Error{Kind: Transient, Status: 200, Err: errGarbled, Method: "GET", Path: "/x"},
			"hubspot: GET /x: 200: the answer was damaged or replaced between here and HubSpot; check the connection, proxies on the way, and that base_url is HubSpot's API; run again later",
		},
		{
			&Error{Kind: Unexpected, Status: 302, Method: "GET", Path: "/x"},
			"hubspot: GET /x: 302: redirects are not followed; set base_url to the address of the API itself",
		},
		{&Error{Kind: Refused}, "hubspot: HubSpot does not accept this input; correct it, or the property or rule in HubSpot that forbids it"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestEveryKindHasWords(t *testing.T) {
	remedies := map[string]Kind{}
	for k := Refused; k <= Unprocessable; k++ {
		if strings.HasPrefix(k.String(), "kind ") {
			t.Errorf("kind %d has no name", k)
		}
		remedy := (&Error{Kind: k}).remedy()
		if other, ok := remedies[remedy]; ok {
			t.Errorf("%v and %v have the same remedy", k, other)
		}
		remedies[remedy] = k
	}
	if got := Kind(0).String(); got != "kind 0" {
		t.Errorf("the zero kind is %q", got)
	}
}

func TestCause(t *testing.T) {
	for want, err := range map[string]error{
		"host name not resolved": &net.OpError{Op: "dial", Err: &net.DNSError{Name: "api.hubapi.com", IsNotFound: true}},
		"connection refused":     refusedDial,
		"no answer in time":      context.DeadlineExceeded,
		"cancelled":              context.Canceled,
		"connection closed before the answer was complete": &net.OpError{Op: "read", Err: syscall.ECONNRESET},
		"connection failed": errors.New(`malformed HTTP response "ann@example.com"`),
	} {
		if got := cause(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

func TestAsError(t *testing.T) {
	e := &Error{Kind: Transient, Err: io.EOF}
	if got, ok := AsError(errors.Join(errors.New("batch"), e)); !ok || got != e {
		t.Errorf("got %v, %v", got, ok)
	}
	if _, ok := AsError(io.EOF); ok {
		t.Error("found an Error where none is")
	}
	if !errors.Is(e, io.EOF) {
		t.Error("the cause is hidden")
	}
}

func TestBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := strings.Repeat("x", rapid.IntRange(0, 3).Draw(rt, "offset")) + strings.Repeat(rapid.StringN(1, 8, 16).Draw(rt, "s"), 300)
		got := bounded(s)
		if !strings.HasPrefix(s, got) || !utf8.ValidString(got) || len(got) > maxMessage {
			rt.Fatalf("%d bytes of %d", len(got), len(s))
		}
		if len(got) < min(len(s), maxMessage-utf8.UTFMax+1) {
			rt.Fatalf("cut to %d bytes without need", len(got))
		}
	})
}

func TestTooDeep(t *testing.T) {
	nest := func(n int) string { return strings.Repeat(`[{"a":`, n) + "1" + strings.Repeat("}]", n) }
	for text, want := range map[string]bool{
		nest(maxDepth / 2):                           false,
		nest(maxDepth/2 + 1):                         true,
		strings.Repeat("[],", 1000):                  false,
		`"` + strings.Repeat("[", 1000) + `"`:        false,
		`"\"` + strings.Repeat("[", 1000) + `"`:      false,
		`"\\"` + strings.Repeat("[", maxDepth+1):     true,
		`{"a":"` + strings.Repeat("{", 1000) + `"}x`: false,
	} {
		if got := checkSize([]byte(text), 0) != nil; got != want {
			t.Errorf("%.20s… of %d bytes: %v", text, len(text), got)
		}
	}
}

// FuzzAnswer decodes arbitrary answers.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{`{}`, `{"results":[{"id":1}],"errors":[{"context":{"ids":["1"]}}]}`, `{"errors":[1]}`, "[[[", `"`, "\ufeff{}"} {
		f.Add(429, seed)
	}
	f.Fuzz(func(t *testing.T, code int, text string) {
		e := answerError(&Call{Status: code}, http.Header{}, []byte(text))
		if e.Kind < Refused || e.Kind > Unexpected || len(e.Message) > maxMessage {
			t.Errorf("%d %q: %#v", code, text, e)
		}
		var a answer[wireObject]
		_ = decode([]byte(text), 100, &a)
	})
}

// TestDetailsInTheMessage: a batch answer names the properties in its message
// alone, as JSON behind a sentence.
func TestDetailsInTheMessage(t *testing.T) {
	for message, want := range map[string][]Detail{
		`Property values were not valid: [{"isValid":false,"message":"x","error":"INVALID_OPTION","name":"hubspot_owner_id","portalId":1},{"error":"INVALID_EMAIL","name":"email"}]`: {
			{Code: "INVALID_OPTION", Property: "hubspot_owner_id"}, {Code: "INVALID_EMAIL", Property: "email"},
		},
		`Property values were not valid: [{"error":"INVALID_OPTION","name":`: nil,
		`Property values were not valid: [{"error":{"a":1},"name":"x"}]`:     nil,
		`[{}]`:                              nil,
		`nothing`:                           nil,
		"[{" + strings.Repeat("[", 100_000): nil,
		// What is no name, as it may be a value, is not kept.
		`x: [{"error":"Ann Lee","name":"ann@acme.example"},{"error":"INVALID_EMAIL","name":"ann@acme.example"},{"error":"Ann Lee","name":"email"}]`: {
			{Code: "INVALID_EMAIL"}, {Property: "email"},
		},
		`x: [{"error":"` + strings.Repeat("A", 10_000) + `","name":"` + strings.Repeat("a", 10_000) + `"}]`: nil,
	} {
		e := (&itemError{Message: text(message)}).err(new(Call))
		if diff := cmp.Diff(want, e.Details); diff != "" {
			t.Errorf("%.80s: details (-want +got):\n%s", message, diff)
		}
	}
	listed := &itemError{Message: `x: [{"error":"A","name":"a"}]`}
	if err := json.Unmarshal([]byte(`{"errors":[{"code":"B","context":{"propertyName":["b"]}}]}`), listed); err != nil {
		t.Fatal(err)
	}
	if got := listed.err(new(Call)).Details; len(got) != 1 || got[0].Property != "b" {
		t.Errorf("%+v, want the listed error alone", got)
	}
}
