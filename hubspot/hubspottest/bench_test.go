package hubspottest_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// BenchmarkBatchCreate writes batches of a hundred records of 25 properties
// and three inline associations each.
func BenchmarkBatchCreate(b *testing.B) {
	c := newCaller(b, hubspottest.Options{})
	var props strings.Builder
	for i := range 24 {
		fmt.Fprintf(&props, `,{"name":"p%d","label":"P","type":"string","fieldType":"text"}`, i)
	}
	c.must(201, "POST /crm-object-schemas/2026-09/schemas", `{"name":"wide","labels":{"singular":"W","plural":"Ws"},"primaryDisplayProperty":"key","requiredProperties":[],"searchableProperties":[],"secondaryDisplayProperties":[],"allowsSensitiveProperties":false,"associatedObjects":["0-1","0-2","0-3"],
	 "properties":[{"name":"key","label":"Key","type":"string","fieldType":"text","hasUniqueValue":true}`+props.String()+`]}`)
	link := func(to, id string) string {
		return `{"to":{"id":"` + id + `"},"types":[{"associationCategory":"USER_DEFINED","associationTypeId":` + c.kind("p62515_wide", to) + `}]}`
	}
	links := link("contacts", c.portal.AddContact("", nil)) + "," + link("companies", c.portal.AddCompany(nil)) + "," + link("deals", c.portal.AddDeal(nil))
	n := 0
	batch := func() string {
		var body strings.Builder
		for i := range 100 {
			if i > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, `{"objectWriteTraceId":"t%d","associations":[%s],"properties":{"key":"T-%d"`, i, links, n)
			for j := range 24 {
				fmt.Fprintf(&body, `,"p%d":"a value of some length %d"`, j, n)
			}
			body.WriteString("}}")
			n++
		}
		return `{"inputs":[` + body.String() + `]}`
	}
	c.portal.Watch(nil) // the emulator alone is measured
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		body := batch()
		b.StartTimer()
		req := httptest.NewRequest("POST", "/crm/objects/2026-09/p62515_wide/batch/create", strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+c.portal.Token())
		req.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		c.portal.ServeHTTP(rec, req)
		if rec.Code != 201 {
			b.Fatalf("status %d: %s", rec.Code, rec.Body)
		}
	}
}
