package resolver

import "encoding/json"

// Description is the description file of a resolver for /.well-known/gs1resolver.
func Description(root string) []byte {
	type namespace struct {
		Namespace string `json:"namespace"`
		Prefix    string `json:"prefix"`
	}
	data, err := json.Marshal(struct {
		Name     string      `json:"name"`
		Root     string      `json:"resolverRoot"`
		Keys     []string    `json:"supportedPrimaryKeys"`
		Types    []namespace `json:"supportedLinkType"`
		MayBeSet bool        `json:"linkTypeDefaultCanBeLinkset"`
	}{
		"Battery passport resolver", root, []string{"01", "8006", "8013"},
		[]namespace{{vocabulary, "gs1:"}}, false,
	})
	if err != nil {
		panic(err) // not possible: all types can be marshalled
	}
	return data
}
