package admin

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	giftsync "thnks-hubspot-sync/sync"
)

// FuzzRequest: what is accepted as a request means the same when it is sent
// on, and so names nothing that the daemon does not know.
func FuzzRequest(f *testing.F) {
	whole, err := json.Marshal(filled[giftsync.Request](1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, "portal=acme")
	f.Add([]byte(`{"Mode":"backfill","DryRun":true}`), "portal=a%26b&portal=c")
	f.Add([]byte(`{} {}`), "portal")
	f.Add([]byte(`{"Colour":"red"}`), ";")
	f.Add([]byte(`null`), "portal=%zz")
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		if req, err := decodeRequest(bytes.NewReader(body)); err == nil {
			again, err := json.Marshal(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decodeRequest(bytes.NewReader(again))
			if diff := cmp.Diff(req, got); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", body, err, diff)
			}
		}
		if portal, err := decodePortal(query); err == nil {
			if got, err := decodePortal(encodePortal(portal)); got != portal || err != nil {
				t.Errorf("portal %q becomes %q, %v", portal, got, err)
			}
		}
	})
}
