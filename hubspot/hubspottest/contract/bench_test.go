package contract

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// BenchmarkJudge holds the creation of a hundred records of 25 properties,
// request and answer, against the document.
func BenchmarkJudge(b *testing.B) {
	all, err := operations()
	if err != nil {
		b.Fatal(err)
	}
	values := make([]string, 25)
	for i := range values {
		values[i] = fmt.Sprintf(`"property_%d":"a value of some length %d"`, i, i)
	}
	properties := strings.Join(values, ",")
	in, out := make([]string, 100), make([]string, 100)
	for i := range in {
		in[i] = fmt.Sprintf(`{"objectWriteTraceId":"%d","properties":{%s}}`, i, properties)
		out[i] = fmt.Sprintf(`{"id":"%d","properties":{%s},"createdAt":"2026-11-01T10:00:00.000Z","updatedAt":"2026-11-01T10:00:00.000Z",`+
			`"archived":false,"objectWriteTraceId":"%d","url":"https://app.hubspot.com/contacts/62515/record/2-1/%d"}`, i, properties, i, i)
	}
	r := httptest.NewRequest(http.MethodPost, "/crm/objects/2026-09/2-1/batch/create", nil)
	r.Header = http.Header{"Authorization": {"Bearer token"}, "Content-Type": {"application/json"}}
	x := hubspottest.Exchange{
		Request: r, Body: []byte(`{"inputs":[` + strings.Join(in, ",") + `]}`), Status: http.StatusCreated,
		Header: http.Header{
			"Date": {"Sun, 01 Nov 2026 10:00:00 GMT"}, "X-Hubspot-Correlation-Id": {"00000000-0000-4000-8000-000000000000"},
			"Content-Type": {"application/json"},
		},
		Answer: []byte(`{"status":"COMPLETE","startedAt":"2026-11-01T10:00:00.000Z","completedAt":"2026-11-01T10:00:00.000Z","results":[` + strings.Join(out, ",") + `]}`),
	}
	b.SetBytes(int64(len(x.Body) + len(x.Answer)))
	for b.Loop() {
		if v := judge(all, x); len(v.request)+len(v.answer) > 0 {
			b.Fatal(v)
		}
	}
}
