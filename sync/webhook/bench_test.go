package webhook_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/webhook"
)

// sink is an inbox that costs nothing.
type sink struct{}

func (sink) Receive(context.Context, ...store.Event) (int, error) { return 0, nil }

// BenchmarkHandler measures one signed status event, from the request to the
// answer, with an inbox that costs nothing.
func BenchmarkHandler(b *testing.B) {
	for _, scheme := range schemes {
		b.Run(scheme.name, func(b *testing.B) {
			hooks, err := webhook.New(webhook.Options{
				Sources: []webhook.Source{{Portal: scheme.name, Dialect: webhook.GiftEvents, Scheme: must(scheme.make()), Inbox: sink{}}},
				Log:     discard,
			})
			if err != nil {
				b.Fatal(err)
			}
			header := request(scheme, opened).Header
			b.ReportAllocs()
			for b.Loop() {
				r := request(schemes[2], opened)
				r.URL.Path, r.Header = "/webhooks/"+scheme.name+"/gift-events", header
				w := httptest.NewRecorder()
				if hooks.ServeHTTP(w, r); w.Code != 200 {
					b.Fatalf("answered %d", w.Code)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
