package hubspot

import (
	"io"
	"net/http"
	"testing"

	"golang.org/x/oauth2"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

// TestCompleteCallback: a workflow goes on with the outputs that it gets, once.
func TestCompleteCallback(t *testing.T) {
	t.Parallel()
	p := contract.New(t, hubspottest.Options{})
	c, err := New(Config{Token: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: p.Token()}), Transport: hubspottest.Transport(p)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	waits := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"outputFields":{"hs_execution_state":"BLOCK"}}`)
	})
	e := p.Enrol(t.Context(), hubspottest.Workflow{
		URL: "https://sync.example.com/hubspot/actions/send", Client: &http.Client{Transport: hubspottest.Transport(waits)},
	}, p.AddContact("bea@beta.example", nil), nil)
	fields := map[string]string{"hs_execution_state": "SUCCESS", "thnks_transaction_id": "T-17"}
	if err := c.CompleteCallback(t.Context(), e.CallbackID, fields); err != nil {
		t.Fatal(err)
	}
	if now := p.Await(t.Context(), e); now.State != "SUCCESS" || now.Outputs["thnks_transaction_id"] != "T-17" {
		t.Errorf("it is %s with %v", now.State, now.Outputs)
	}
	checkKind(t, c.CompleteCallback(t.Context(), e.CallbackID, fields), NotFound)
	checkKind(t, c.CompleteCallback(t.Context(), "../../../account-info", fields), NotFound)
}
