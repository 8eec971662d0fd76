package stack

import (
	"fmt"
	"net"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/pkg/rest"
)

// startKafka runs a broker whose topics are kept in the data folder.
func (s *Stack) startKafka(dir string, port rest.Port) error {
	l, err := s.listen(port, "KAFKA_PORT")
	if err != nil {
		return err
	}
	dir = filepath.Join(dir, "kafka")
	broker, err := kfake.NewCluster(
		kfake.Ports(l.Addr().(*net.TCPAddr).Port), kfake.DataDir(dir),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return l, nil }), // the port is open already
	)
	if err != nil {
		return fmt.Errorf("broker with its log in %s: %w", dir, err)
	}
	s.onEnd(broker.Close)
	s.Brokers = broker.ListenAddrs()
	return nil
}
