// A page as an integrator of 2016 wrote it, after the AWS blog article "AWS Kinesis的Javascript交互方法": jQuery fetches
// a session from the token vending machine of its own origin, keeps it in cookies, and aws-sdk 2.4.13 puts and reads.
// Nothing here knows of Danmu. Only the endpoint is given, as for any Kinesis that is not Amazon's own.

/* global $, AWS */

var accessKeyId = null;
var secretAccessKey = null;
var sessionToken = null;
var region = 'us-east-1';
var stream_name = 'danmu';
var partition_key = 'demo';
var endpoint = new URLSearchParams(location.search).get('endpoint');
var kinesis;

function initKinesis() {
  accessKeyId = $.cookie('accessKeyId');
  secretAccessKey = $.cookie('secretAccessKey');
  sessionToken = $.cookie('sessionToken');
  kinesis = new AWS.Kinesis({
    accessKeyId: accessKeyId,
    secretAccessKey: secretAccessKey,
    sessionToken: sessionToken,
    region: region,
    endpoint: endpoint
  });
}

function getCertification() {
  $.ajax({
    url: 'getCertification.action',
    type: 'post',
    async: false,
    data: '{}',
    dataType: 'json',
    success: function (data) {
      setCertificationFromCookies(data.accessKeyId, data.secretAccessKey, data.sessionToken, data.expiration);
    }
  });
}

function setCertificationFromCookies(accessKeyId, secretAccessKey, sessionToken, expiration) {
  var date = new Date(expiration);
  $.cookie('accessKeyId', accessKeyId, { expires: date, path: '/' });
  $.cookie('secretAccessKey', secretAccessKey, { expires: date, path: '/' });
  $.cookie('sessionToken', sessionToken, { expires: date, path: '/' });
  $.cookie('expiration', expiration, { expires: date, path: '/' });
}

function checkExpiration() {
  return $.cookie('expiration') != null && new Date() <= new Date(parseInt($.cookie('expiration'), 10));
}

function checkKinesis() {
  if (!checkExpiration()) {
    getCertification();
    initKinesis();
  } else if (sessionToken == null) {
    initKinesis();
  }
}

function putStream(text) {
  checkKinesis();
  kinesis.putRecord({ Data: text, PartitionKey: partition_key, StreamName: stream_name }, function (err) {
    if (err) {
      console.error('putRecord', err.code, err.message);
    } else {
      alert('成功发送消息!');
    }
  });
}

function readStream() {
  checkKinesis();
  var parameters = { ShardId: 'shardId-000000000000', ShardIteratorType: 'LATEST', StreamName: stream_name };
  kinesis.getShardIterator(parameters, function (err, data) {
    if (err) {
      console.error('getShardIterator', err.code, err.message);
    } else {
      readStreamLoop(data.ShardIterator);
    }
  });
}

// Asks again the moment it is answered, and ends at the first error: the article's loop.
function readStreamLoop(shardIteratorId) {
  kinesis.getRecords({ ShardIterator: shardIteratorId, Limit: 10 }, function (err, data) {
    if (err) {
      console.error('getRecords', err.code, err.message);
      return;
    }
    document.body.setAttribute('data-rounds', Number(document.body.getAttribute('data-rounds')) + 1);
    for (var i = 0; i < data.Records.length; i += 1) {
      $('<li>').text(data.Records[i].Data.toString('utf8')).appendTo('#messages');
    }
    readStreamLoop(data.NextShardIterator);
  });
}
