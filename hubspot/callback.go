package hubspot

import (
	"context"
	"net/http"
)

// CompleteCallback lets a workflow go on that waits for an action of the app. id is
// the callbackId of HubSpot's request, and fields are the output fields of the
// action, with hs_execution_state among them. A workflow that does not wait any more
// is an [*Error] of kind [NotFound] or [Refused].
//
// D/api-reference/latest/automation/workflow-actions/custom-action-guide
func (c *Client) CompleteCallback(ctx context.Context, id string, fields map[string]string) error {
	in := struct {
		Fields map[string]string `json:"outputFields"`
		Typed  struct{}          `json:"typedOutputs"`
	}{Fields: fields}
	_, err := c.do(ctx, request{
		class: Other, method: http.MethodPost, in: in,
		path: path("/automation/actions/callbacks/{version}", id, "complete"),
	})
	return err
}
